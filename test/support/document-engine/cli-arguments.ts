import { parseArgs } from 'node:util'
import type { SignPdfOptions } from './sign-pdf.ts'
import { CONTAINERS, HASH_ALGORITHMS, SIGNATURE_TYPES } from './signature-options.ts'

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface ParsedArguments {
  input: string
  output: string
  options: Omit<SignPdfOptions, 'pdf'>
}

const text = { type: 'string' } as const

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        url: text,
        container: text,
        type: text,
        hash: text,
        'signing-token': text,
        name: text,
        reason: text,
        location: text,
        tsa: text,
        dss: { type: 'boolean' },
        timeout: text,
        'estimated-size': text,
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined) return undefined
  const match = allowed.find((candidate) => candidate === value)
  if (match === undefined) throw new UsageError(`--${option} is ${value}; it can be ${allowed.join(', ')}`)
  return match
}

function positiveInteger(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (!/^[1-9][0-9]{0,8}$/.test(value))
    throw new UsageError(`--${option} is ${value}; it is a positive number`)
  return Number(value)
}

function httpUrl(option: string, value: string | undefined): string | undefined {
  if (value === undefined || /^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : ''))
    return value
  throw new UsageError(`--${option} is ${value}; it begins with http:// or https://`)
}

/**
 * Reads the arguments of the sign-pdf command, without those of node itself.
 *
 * @throws UsageError
 */
export function parseArguments(args: string[]): ParsedArguments | 'help' {
  const { values, positionals } = parse(args)
  if (values.help) return 'help'
  const [input, output, ...rest] = positionals
  if (input === undefined || output === undefined || rest.length > 0) {
    throw new UsageError('Name two files: the PDF to sign and the PDF to write')
  }
  const container = oneOf('container', values.container, CONTAINERS)
  if (values.tsa !== undefined && container !== 'raw') {
    throw new UsageError(
      '--tsa goes with --container raw: other containers have the timestamp of the service',
    )
  }
  if (values.dss && container === 'raw' && values.tsa === undefined) {
    throw new UsageError(
      '--dss with --container raw takes --tsa: there is no PAdES-BASELINE-LT without a timestamp',
    )
  }
  return {
    input,
    output,
    options: {
      url: httpUrl('url', values.url),
      container,
      type: oneOf('type', values.type, SIGNATURE_TYPES),
      hash: oneOf('hash', values.hash, HASH_ALGORITHMS),
      signingToken: values['signing-token'],
      name: values.name,
      reason: values.reason,
      location: values.location,
      tsaUrl: httpUrl('tsa', values.tsa),
      dss: values.dss,
      timeoutMs: positiveInteger('timeout', values.timeout),
      estimatedSize: positiveInteger('estimated-size', values['estimated-size']),
    },
  }
}
