/** The token forgets sessions or the login. */
import { planned, type Scenario } from '../scenario.ts'

export const invalidated: Scenario = planned(
  {
    name: 'sessions-closed',
    what: 'the token closes all sessions, once',
    momentary: true,
    unnoticed: true,
  },
  'C_Sign close-sessions times=1',
)

/** So often that some fall into the time in which the last one is being healed. */
export const invalidatedAgain: Scenario = planned(
  {
    name: 'sessions-closed-often',
    what: 'the token closes all sessions, in one of 400 signing calls',
    unnoticed: true,
  },
  'C_Sign close-sessions every=400',
)

export const loggedOut: Scenario = planned(
  { name: 'login-lost', what: 'the token forgets the login, once', momentary: true },
  'C_Sign log-out times=1',
)
