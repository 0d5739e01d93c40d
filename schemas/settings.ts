/** Patterns and functions that several schemas share. */
import { type TStringOptions, Type } from 'typebox'

/** Pattern of whole bytes in hex. */
export const HEX = '^([0-9a-fA-F]{2})+$'
/** Pattern of a user, without a colon (RFC 7617 2). */
export const USER = '^[^:\\x00-\\x1f\\x7f]+$'
/**
 * Pattern of a name or ARN of a secret of AWS Secrets Manager, which the log names. A PIN of digits and `user:password` do
 * not match it.
 */
export const AWS_SECRET_ID =
  '^(?![0-9]+$)(arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}$'

/**
 * Pattern of the numbers of an object identifier in dotted form (X.660 7.6). A UUID, which is one below 2.25 (X.667 6.3), has 39
 * digits at most.
 */
export const OBJECT_IDENTIFIER_NUMBERS =
  '([01]\\.[1-3]?[0-9]|2\\.(0|[1-9][0-9]{0,38}))(\\.(0|[1-9][0-9]{0,38}))*'
export const OBJECT_IDENTIFIER = `^${OBJECT_IDENTIFIER_NUMBERS}$`

/** Returns the schema of a text that may be left out. */
export function text(description: string, example: string, limits: TStringOptions = {}) {
  return Type.Optional(Type.String({ minLength: 1, ...limits, description, examples: [example] }))
}

/**
 * Returns the schema of a text in a body that may be missing or null. It has one `type` rather than a union, so that an error
 * can name what is expected.
 */
export function nullableText(description: string) {
  return Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], description }))
}
