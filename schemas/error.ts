import { type Static, Type } from 'typebox'

/** The body of every answer that is not a success. */
export const ErrorReply = Type.Object({
  statusCode: Type.Integer(),
  code: Type.String({ description: 'Stable: programs branch on this' }),
  error: Type.String({ description: 'The name of the HTTP status' }),
  message: Type.String({ description: 'What is wrong and what to do' }),
  requestId: Type.String({ description: 'The same as in the log and in the X-Request-Id header' }),
})
export type ErrorReply = Static<typeof ErrorReply>
