/** Limits how slowly a request may arrive, since it holds a connection. A slower one is answered REQUEST_TIMEOUT. */

/** Time in which the request line and the headers must arrive, in ms. */
export const HEADERS_TIMEOUT_MS = 30_000

/** Time in which the whole request must arrive, in ms. */
export const REQUEST_TIMEOUT_MS = 120_000

/** Period in which MIN_BODY_BYTES of a body must arrive, in ms. */
export const BODY_PERIOD_MS = 10_000

export const MIN_BODY_BYTES = 10_000

/** Time in which bodies may go on arriving once the service closes, in ms. */
export const CLOSING_BODY_MS = 3_000
