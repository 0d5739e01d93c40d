import { planned, type Scenario } from '../scenario.ts'

export const wrongPin: Scenario = planned({
  name: 'wrong-pin',
  what: 'the configured PIN is wrong',
  server: 'wrong PIN',
  ends: 'pin refused',
})
