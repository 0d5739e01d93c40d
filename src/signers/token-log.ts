import type { BaseLogger } from 'pino'
import type { TokenFields } from '../errors.ts'
import type { PoolLog } from '../pkcs11/pool-observer.ts'

/**
 * The log of one token: each of its lines names the token, the signers that it serves and the file of its PIN. They are
 * no bindings of a child logger, as they change when other signers use the same token, and pino would repeat them.
 */
export class TokenLog implements PoolLog {
  /** Changed with the signers. */
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
