/** Logs what happens to one token. pino's loggers do for it. */
export interface PoolLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}
