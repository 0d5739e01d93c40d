/** Audit logs, whose checkpoints OpenSSL has signed and timestamped. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditRecord, CheckpointStatement } from '../../schemas/audit-record.ts'
import { SHA_256 } from '../../src/algorithms/hash-algorithms.ts'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { Chain, describeTime, EMPTY_CHAIN, encodeCanonical, type NewRecord } from '../../src/audit/chain.ts'
import type { VerificationOptions } from '../../src/audit/verify-log.ts'
import { encodeAttribute } from '../../src/cms/signed-attributes.ts'
import { createNonce, encodeTimestampRequest } from '../../src/timestamp/timestamp-request.ts'
import { readTimestampResponse } from '../../src/timestamp/verify-response.ts'
import { type Issued, issue } from './certificates.ts'
import { type OpensslContainer, signWithOpenssl } from './software-container.ts'
import {
  createIssuers,
  createResponder,
  FOR_TIMESTAMPS,
  type Issuers,
  type Responder,
} from './timestamp-authority.ts'

export const SIGNATURE_TIMESTAMP = '1.2.840.113549.1.9.16.2.14'
/** Time of the first record of a log: now, as the certificates are new, but for the records of a minute. */
const BEGIN = Date.now() + 1000

export type Decision = Extract<NewRecord, { kind: 'decision' }>

export function decision(changes: Partial<Decision> = {}): Decision {
  return {
    ...{
      kind: 'decision',
      outcome: 'signed',
      requestId: 'request-1',
      subject: 'contracts-app',
      access: 'tokens',
    },
    ...{ address: '192.0.2.7', path: '/sign', action: 'container', signer: 'contracts', container: 'pkcs7' },
    ...{ hashAlgorithm: 'sha256', digest: 'd'.repeat(64), signatureSha256: '5'.repeat(64) },
    ...{ durationMs: 12, signingMs: 9, version: '1.0.0' },
    ...changes,
  }
}

/** The authorities that sign and timestamp the checkpoints of tests. */
export interface CheckpointAuthorities {
  readonly root: Issued
  readonly signer: Issued
  readonly timestamps: Issuers
  readonly authority: Issued
  /** Makes a DER TimeStampResp of a DER TimeStampReq. */
  readonly respond: Responder
}

export function createCheckpointAuthorities(directory: string): CheckpointAuthorities {
  mkdirSync(directory, { recursive: true })
  const root = issue(directory, { subject: '/O=Test/CN=Root', ca: true })
  const signer = issue(directory, { subject: '/O=Test/CN=Audit', issuer: root })
  const timestamps = createIssuers(directory)
  const authority = issue(directory, {
    ...{ subject: '/O=Test/CN=Timestamps', issuer: timestamps.issuing, extensions: FOR_TIMESTAMPS },
  })
  const respond = createResponder(directory, { signer: authority, chain: [timestamps.issuing] })
  return { root, signer, timestamps, authority, respond }
}

/** The trust of an auditor who trusts them. */
export function trustIn({ root, timestamps }: CheckpointAuthorities): VerificationOptions {
  return {
    ...{ certificates: [root.certificate], timestampAnchors: [timestamps.root.certificate] },
    ...{ openStart: false, openEnd: false, heads: [] },
  }
}

/** Signs a statement with `openssl cms -sign`. */
export function signStatement(
  statement: CheckpointStatement,
  signer: Issued,
  options: Partial<OpensslContainer> = {},
): Promise<Buffer> {
  const content = Buffer.from(encodeCanonical(statement))
  return signWithOpenssl({ content, signers: [signer], chain: [], hash: 'sha256', cades: true, ...options })
}

/** Splits DER elements that follow one another. */
function elementsOf(der: DerReader): Buffer[] {
  return der.elements()
}

/** Puts the SignerInfo of a container through a change. */
export function changeSignerInfo(cms: Buffer, change: (elements: Buffer[]) => Buffer[]): Buffer {
  const contentInfo = DerReader.enterOnly(cms, TAG.sequence)
  const type = contentInfo.element()
  const signedData = elementsOf(contentInfo.enter(contextTag(0)).enter(TAG.sequence))
  const signerInfos = elementsOf(DerReader.enterOnly(signedData.pop() as Buffer, TAG.set))
  const changed = signerInfos.map((one) =>
    encode(TAG.sequence, ...change(elementsOf(DerReader.enterOnly(one, TAG.sequence)))),
  )
  const rebuilt = encode(TAG.sequence, ...signedData, encode(TAG.set, ...changed))
  return encode(TAG.sequence, type, encode(contextTag(0), rebuilt))
}

/** Returns the signature in the one SignerInfo of a container. */
export function signatureOf(cms: Buffer): Buffer {
  let signature = Buffer.alloc(0)
  changeSignerInfo(cms, (elements) => {
    const octets = elements.find(([tag]) => tag === TAG.octetString) as Buffer
    signature = Buffer.from(new DerReader(octets).content(TAG.octetString))
    return elements
  })
  return signature
}

/** Adds unsigned attributes, DER. */
export function withUnsignedAttributes(cms: Buffer, ...attributes: readonly Buffer[]): Buffer {
  return changeSignerInfo(cms, (elements) => [...elements, encode(contextTag(1), ...attributes)])
}

/** Has a container timestamped by `openssl ts`. */
export async function withTimestamp(
  cms: Buffer,
  respond: Responder,
  over = signatureOf(cms),
): Promise<Buffer> {
  return withUnsignedAttributes(cms, encodeAttribute(SIGNATURE_TIMESTAMP, await timestamp(over, respond)))
}

/** Returns the token of a timestamp over some octets. */
export async function timestamp(octets: Buffer, respond: Responder): Promise<Buffer> {
  const digest = createHash('sha256').update(octets).digest()
  const query = encodeTimestampRequest({ hashAlgorithm: SHA_256, digest, nonce: createNonce() })
  return readTimestampResponse(await respond(query))
}

/** A log that is written record by record, in a time of its own. */
export class LogBuilder {
  readonly lines: string[] = []
  readonly stream: string
  now = BEGIN
  #chain: Chain

  constructor(stream = 'main') {
    this.stream = stream
    this.#chain = new Chain(stream, EMPTY_CHAIN)
  }

  /** Adds records, one each millisecond. */
  add(...records: readonly NewRecord[]): this {
    for (const record of records) {
      this.now += 1
      this.lines.push(...this.#chain.add(record, this.now).split(/(?<=\n)/))
    }
    return this
  }

  /** Adds decisions. */
  decide(count: number): this {
    for (let index = 0; index < count; index++) {
      this.add(decision({ requestId: `request-${this.lines.length + 1}` }))
    }
    return this
  }

  /** The statement that a checkpoint signs now. */
  statement(): CheckpointStatement {
    const { head, number } = this.#chain.end
    return { head, records: number, stream: this.stream, time: describeTime(this.now) }
  }

  /** Adds a checkpoint over a statement, signed if there is a signature. */
  checkpoint(statement: CheckpointStatement, signature?: Buffer, closes = false): this {
    const signed = signature && { signer: 'audit', signature: signature.toString('base64') }
    return this.add({ kind: 'checkpoint', closes, statement, ...signed })
  }

  /** Adds a checkpoint over all records so far, or over those so far with some behind it. */
  async sign(
    { signer, respond }: CheckpointAuthorities,
    { closes = false, between = 0, timestamped = false } = {},
  ): Promise<this> {
    const statement = this.statement()
    const cms = await signStatement(statement, signer)
    const signature = timestamped ? await withTimestamp(cms, respond) : cms
    return this.decide(between).checkpoint(statement, signature, closes)
  }
}

export const started: NewRecord = { kind: 'started', reason: 'start', version: '1.0.0' }

/** A log with all kinds of records, which was closed in between and at the end. */
export async function buildLog(authorities: CheckpointAuthorities, decisions: number): Promise<string[]> {
  const part = Math.ceil(decisions / 6)
  const log = new LogBuilder().add(started).decide(part)
  await log.sign(authorities, { between: 3, timestamped: true })
  log.decide(part).add({ kind: 'refusals', count: 7, codes: { HSM_BUSY: 4, NOT_ALLOWED: 3 }, subject: 'app' })
  log.add(decision({ outcome: 'refused', code: 'NOT_ALLOWED', subject: 'élan', signer: 'letters' }))
  log.checkpoint(log.statement()).decide(part)
  log.add({ kind: 'torn', bytes: 17, sha256: 'a'.repeat(64) }, started).decide(part)
  await log.sign(authorities, { closes: true })
  log.add(started).decide(part)
  log.now -= 20
  await log.decide(part).sign(authorities, { closes: true, timestamped: true })
  return log.lines
}

/** Writes lines into files of a log: each but the last one is named after the number of its first record. */
export function writeFiles(directory: string, parts: readonly (readonly string[])[]): string[] {
  mkdirSync(directory, { recursive: true })
  let first = 1
  return parts.map((lines, index) => {
    const name = index === parts.length - 1 ? 'audit.jsonl' : `audit-${String(first).padStart(12, '0')}.jsonl`
    first += lines.length
    const file = join(directory, name)
    writeFileSync(file, lines.join(''))
    return file
  })
}

/** Splits lines into so many parts of about the same length. */
export function split<T>(lines: readonly T[], count: number): T[][] {
  const size = Math.ceil(lines.length / count)
  return Array.from({ length: count }, (_, index) => lines.slice(index * size, (index + 1) * size))
}

export function parse(line: string): AuditRecord {
  return JSON.parse(line)
}
