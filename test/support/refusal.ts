import { STATUS_CODES } from 'node:http'
import type { Test } from 'tap'
import type { Answer } from './http.ts'

export interface Refusal {
  readonly statusCode: number
  readonly code: string
  readonly message: string | RegExp
}

/** Checks that an answer is this error, in the shape that every error has, and tells its id in the header as well. */
export function checkRefusal(t: Test, answer: Answer, { statusCode, code, message }: Refusal): void {
  t.equal(answer.statusCode, statusCode, `status ${statusCode}`)
  t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  const body = answer.json()
  t.strictSame(Object.keys(body), ['statusCode', 'code', 'error', 'message', 'requestId'])
  t.match(
    body,
    { statusCode, code, error: STATUS_CODES[statusCode], message, requestId: answer.headers['x-request-id'] },
    `${code}: ${message}`,
  )
  t.type(body.requestId, 'string')
}
