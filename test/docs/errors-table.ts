/** Writes the table of the errors from `src/errors.ts` and the advice on each. */
import type { FastifyErrorConstructor } from '@fastify/error'
import * as errors from '../../src/errors.ts'
import { ADVICE } from '../../src/status-page/advice.ts'
import { markdownTable } from '../support/markdown.ts'

export const OPERATIONS = 'docs/operations.md'

export function describeErrors(): string[] {
  const classes = new Map<string, unknown>(Object.entries(errors))
  const rows = Object.entries(ADVICE).map(([code, advice]) => {
    const error = classes.get(code) as FastifyErrorConstructor
    return [`\`${code}\``, `${new error().statusCode}`, advice]
  })
  return [markdownTable(['code', 'status', 'what to do'], rows)]
}
