/** How much is measured, and for how long. */
export interface Settings {
  /** Of SoftHSM, and of everything else that has rounds. */
  readonly rounds: { readonly softhsm: number; readonly others: number }
  /** Of one measurement. */
  readonly seconds: number
  /** After it, while it is looked at how late the event loop is. */
  readonly watchSeconds: number
  /** Before the first measurement of a service, for each kind of request. */
  readonly warmUpSeconds: number
  /** Of a service that has just been started. */
  readonly firstSeconds: number
  /** Load before each measurement. */
  readonly rampMs: number
  /** Of the service, where nothing else is said. */
  readonly sessions: number
  readonly bareSessions: readonly number[]
  readonly inFlight: readonly number[]
  readonly simulatedSessions: readonly number[]
  readonly overload: readonly number[]
  readonly documents: readonly DocumentSize[]
  readonly starts: number
  /** In addition to `sessions`. */
  readonly idleSessions: readonly number[]
  /** Before the memory of a process is read, so that what a start took has been given back. */
  readonly settleMs: number
  /** Minutes; 0 is none. */
  readonly soakMinutes: number
  /** Between two looks. */
  readonly soakEveryMs: number
}

export interface DocumentSize {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** How many one after another, so that what they take can be measured. */
  readonly count: number
  /** Whether those are measured, too, that name their hash algorithm behind the contents. */
  readonly behind?: boolean
}

export const FULL: Settings = {
  rounds: { softhsm: 5, others: 3 },
  seconds: 4,
  watchSeconds: 1,
  warmUpSeconds: 3,
  firstSeconds: 5,
  rampMs: 300,
  sessions: 8,
  bareSessions: [1, 2, 4, 8, 16],
  inFlight: [1, 8, 32, 128],
  simulatedSessions: [1, 2, 4, 8, 16, 32, 64],
  overload: [512, 1024],
  documents: [
    { name: '35kB', size: 35_000, count: 400 },
    { name: '1MB', size: 1e6, count: 64 },
    { name: '10MB', size: 1e7, count: 16 },
    { name: '100MB', size: 1e8, count: 2, behind: true },
  ],
  starts: 5,
  idleSessions: [1, 16, 32, 64],
  settleMs: 1_000,
  soakMinutes: 10,
  soakEveryMs: 5_000,
}

/**
 * Environment of a service whose answers, and not its speed, are looked at: it neither refuses requests nor gives up
 * sessions for being slow, which on a busy machine they are.
 */
export const PATIENT = { HSM_TIMEOUT_MS: '60000' } as const

/** Everything once, and as little of it as there can be: whether it works, not how fast anything is. */
export const SHORT: Settings = {
  rounds: { softhsm: 1, others: 1 },
  seconds: 0.3,
  watchSeconds: 0.1,
  warmUpSeconds: 0.1,
  firstSeconds: 0.3,
  rampMs: 50,
  sessions: 2,
  bareSessions: [2],
  inFlight: [32],
  simulatedSessions: [2],
  overload: [300],
  documents: [{ name: '1MB', size: 1e6, count: 2 }],
  starts: 1,
  idleSessions: [1],
  settleMs: 0,
  soakMinutes: 0.01,
  soakEveryMs: 200,
}
