/** Limits how slowly a request may arrive. A slower one holds its connection for nothing: it is answered REQUEST_TIMEOUT. */

/** Milliseconds in which the request line and the headers must have come. */
export const HEADERS_TIMEOUT_MS = 30_000

/** Milliseconds in which the whole request must have come. */
export const REQUEST_TIMEOUT_MS = 120_000

/** Milliseconds in each of which a body must bring MIN_BODY_BYTES. Whatever arrives for longer is called slow. */
export const BODY_PERIOD_MS = 10_000

export const MIN_BODY_BYTES = 10_000
