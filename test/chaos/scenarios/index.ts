import type { Scenario } from '../scenario.ts'
import { wrongPin } from './pin.ts'
import { allHang, crashed, killed, oneHangs } from './processes.ts'
import { returnValues } from './return-values.ts'
import { invalidated, invalidatedAgain, loggedOut } from './sessions.ts'
import { delayed, flipped, overload } from './slow.ts'
import { absent, recreated, serverGone, serverRestarted } from './token.ts'

/** All of them, those that share a server first and the least violent first among these. */
export const SCENARIOS: readonly Scenario[] = [
  delayed,
  flipped,
  overload,
  ...returnValues.filter(({ server }) => server === 'shared'),
  invalidated,
  invalidatedAgain,
  loggedOut,
  killed,
  crashed,
  oneHangs,
  allHang,
  absent,
  recreated,
  serverGone,
  serverRestarted,
  ...returnValues.filter(({ server }) => server === 'own'),
  wrongPin,
]
