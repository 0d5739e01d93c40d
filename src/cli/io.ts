import type { Variables } from '../configuration/variables.ts'

/** What a command reads from and writes to. */
export interface Io {
  readonly environment: Variables
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  /** Results, and nothing else. */
  readonly output: NodeJS.WritableStream
  /** Messages for people. */
  readonly errors: NodeJS.WritableStream
}
