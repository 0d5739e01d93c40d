/** What a scenario is: what goes wrong under load, how it begins and ends, and what must hold. */
import type { Stage } from './stage.ts'

export interface Scenario {
  /** Names it on the command line and in the table. */
  readonly name: string
  /** What goes wrong, in a few words for the table. */
  readonly what: string
  /** Which server it needs; `shared` is the one that lives through all of those. */
  readonly server: ServerKind
  /** Where it begins and is over at the same moment: the time to recover counts from its beginning. */
  readonly momentary?: boolean
  /** No request may fail for it. */
  readonly unnoticed?: boolean
  /** How the service must end: signing again, or having given up a PIN that was refused. */
  readonly ends: 'ready' | 'pin refused'
  /** Requests a second that arrive during the fault, instead of those of the clients, whatever becomes of them. */
  readonly offeredPerSecond?: number
  start(stage: Stage): void | Promise<void>
  /** Ends the fault; resolves when the token is as good as before. */
  stop(stage: Stage): void | Promise<void>
}

/**
 * - `shared`: SoftHSM behind the faulty module
 * - `p11-kit`: the same over p11-kit's client and server
 * - `own`: as `shared`, for this scenario alone, since it does not sign again afterwards
 * - `wrong PIN`: as `own`, with a PIN that is not the token's
 */
export type ServerKind = 'shared' | 'p11-kit' | 'own' | 'wrong PIN'

/** A fault that is nothing but a plan of the faulty module. */
export function planned(
  fields: Omit<Scenario, 'start' | 'stop' | 'ends' | 'server'> & Partial<Pick<Scenario, 'ends' | 'server'>>,
  ...rules: string[]
): Scenario {
  return {
    server: 'shared',
    ends: 'ready',
    ...fields,
    start: ({ module }) => module.plan(...rules),
    stop: ({ module }) => module.plan(),
  }
}
