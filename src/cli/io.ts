import type { Variables } from '../configuration/variables.ts'

/** Input and output of a command. */
export interface Io {
  readonly environment: Variables
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  /** Takes results, and nothing else. */
  readonly output: NodeJS.WritableStream
  /** Takes messages for people. */
  readonly errors: NodeJS.WritableStream
}
