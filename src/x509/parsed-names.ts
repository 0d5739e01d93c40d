import type * as asn1js from 'asn1js'
import type * as pkijs from 'pkijs'
import { sameGeneralName, sameName } from './names.ts'

/** Compares two names that pkijs has parsed. Its own comparison knows neither RDNs nor all types of strings. */
export function sameParsedName(
  one: pkijs.RelativeDistinguishedNames,
  other: pkijs.RelativeDistinguishedNames,
): boolean {
  return sameName(encode(one.toSchema()), encode(other.toSchema()))
}

/** Compares two GeneralNames that pkijs has parsed. */
export function sameParsedGeneralName(one: pkijs.GeneralName, other: pkijs.GeneralName): boolean {
  return sameGeneralName(encode(one.toSchema()), encode(other.toSchema()))
}

function encode(schema: unknown): Buffer {
  return Buffer.from((schema as asn1js.BaseBlock).toBER())
}
