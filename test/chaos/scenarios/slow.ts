/** The token answers, but late, wrongly, or fewer than ask. */
import { planned, type Scenario } from '../scenario.ts'

export const delayed: Scenario = planned(
  { name: 'slow', what: 'every call of the library takes 200 ms more' },
  '* delay 200',
)

export const flipped: Scenario = planned(
  { name: 'bit-flips', what: 'one bit is wrong in one of 10 signatures' },
  'C_Sign flip chance=0.1',
)

/** Eight sessions that need 40 ms a signature make 200 a second. */
export const overload: Scenario = planned(
  {
    name: 'overload',
    what: '800 requests a second, where the token manages 200',
    offeredPerSecond: 800,
  },
  'C_Sign delay 40',
)
