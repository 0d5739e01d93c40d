/** Defines how an address is described, in the words of OpenAPI 3.1, beside the schema of its body. */

/** One answer of an operation. */
export interface Answer {
  readonly description: string
  /** JSON schemas, keyed by the name of the header. */
  readonly headers: Readonly<Record<string, object>>
  /** Keyed by media type. */
  readonly content: Readonly<Record<string, { readonly schema: object; readonly examples?: Examples }>>
}

/** Answers keyed by status; `default` stands for all other ones. */
export type Answers = Readonly<Record<string, Answer>>

export type Examples = Readonly<Record<string, Example>>

/** An example, or where it is. */
type Example = { readonly summary?: string; readonly value: unknown } | { readonly $ref: string }

export interface Operation {
  /** Name of the function in a generated client. */
  readonly operationId: string
  readonly tag: Tag
  readonly summary: string
  readonly description: string
  /** Alternatives, of which one must be met; those in one object all together. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  /**
   * Bodies that can be sent as they are. One that has the name of a code of `errors.ts` is refused with it, and with the
   * words of the example of that code; all others are answered 200.
   */
  readonly requests?: Examples
  readonly answers: Answers
}

export const TAGS = {
  Callback: 'What Document Engine calls, and applications in its place.',
  'Web SDK': 'What pages with the Web SDK call. There with `WEB_SDK=true`.',
  Operation: 'For probes and Prometheus. With `ADMIN_PORT` they have a port of their own.',
  Description: 'This description. It is where the metrics are.',
} as const

export type Tag = keyof typeof TAGS
