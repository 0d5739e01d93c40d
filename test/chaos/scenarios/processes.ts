/** The signer process ends, or calls in it never do. */
import { planned, type Scenario } from '../scenario.ts'

export const killed: Scenario = {
  name: 'sigkill',
  what: 'the signer process is killed',
  server: 'shared',
  ends: 'ready',
  momentary: true,
  unnoticed: true,
  start: ({ calls }) => {
    process.kill(calls.lastProcess('C_Sign'), 'SIGKILL')
  },
  stop: () => {},
}

export const crashed: Scenario = planned(
  {
    name: 'sigsegv',
    what: 'the library crashes in a signing call',
    momentary: true,
    unnoticed: true,
  },
  'C_Sign crash SIGSEGV times=1',
)

export const oneHangs: Scenario = planned(
  { name: 'one-hangs', what: 'one signing call never returns', momentary: true, unnoticed: true },
  'C_Sign hang times=1',
)

export const allHang: Scenario = planned(
  { name: 'all-hang', what: 'no signing call that begins meanwhile ever returns' },
  'C_Sign hang',
)
