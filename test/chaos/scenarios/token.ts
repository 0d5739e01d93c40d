/** The token goes away, and comes back the same or another. */
import { planned, type Scenario } from '../scenario.ts'

export const absent: Scenario = planned(
  { name: 'device-gone', what: 'the token is not present: every call fails' },
  '* absent',
)

export const recreated: Scenario = {
  name: 'token-recreated',
  what: 'the token is deleted, then made anew with the same label and key',
  server: 'shared',
  ends: 'ready',
  start: ({ material }) => material.deleteToken(),
  stop: ({ material }) => material.recreateToken(),
}

export const serverGone: Scenario = {
  name: 'p11-kit-gone',
  what: 'the p11-kit server is killed, and started again at the end',
  server: 'p11-kit',
  ends: 'ready',
  start: ({ p11Kit }) => p11Kit?.kill(),
  stop: ({ p11Kit }) => p11Kit?.start(),
}

export const serverRestarted: Scenario = {
  name: 'p11-kit-restarted',
  what: 'the p11-kit server is killed and started again at once',
  server: 'p11-kit',
  ends: 'ready',
  momentary: true,
  start: async ({ p11Kit }) => {
    await p11Kit?.kill()
    await p11Kit?.start()
  },
  stop: () => {},
}
