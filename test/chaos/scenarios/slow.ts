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

/** Eight sessions that need 20 ms a signature make 400 a second. */
export const overload: Scenario = planned(
  {
    name: 'overload',
    what: '1,600 requests a second, where the token manages 400',
    offeredPerSecond: 1_600,
  },
  'C_Sign delay 20',
)
