/** Under load, what nobody may notice: a signer process, its sessions or its login are lost. */
import t from 'tap'
import { crashed, killed } from './scenarios/processes.ts'
import { invalidated, loggedOut } from './scenarios/sessions.ts'
import { play, startStage } from './short.ts'

const stage = await startStage(t, 'shared')
for (const scenario of [killed, crashed, invalidated, loggedOut]) {
  play(t, stage, scenario)
}
