import type { BaseLogger } from 'pino'
import type { TokenFields } from '../errors.ts'
import type { PoolLog } from '../pkcs11/pool/pool-options.ts'

/**
 * Adds to each line the name of the token, the signers that use it and the file of its PIN. They are no bindings of a
 * child logger, since they change when other signers use the token, and pino would repeat them.
 */
export class TokenLog implements PoolLog {
  /** Replaced when the signers change. */
  fields: TokenFields
  readonly #log: BaseLogger

  constructor(log: BaseLogger, fields: TokenFields) {
    this.#log = log
    this.fields = fields
  }

  info(details: object, message: string): void {
    this.#log.info({ ...this.fields, ...details }, message)
  }

  warn(details: object, message: string): void {
    this.#log.warn({ ...this.fields, ...details }, message)
  }

  error(details: object, message: string): void {
    this.#log.error({ ...this.fields, ...details }, message)
  }
}
