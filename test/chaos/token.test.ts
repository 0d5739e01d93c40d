/** Under load, the token goes away and comes back. */
import t from 'tap'
import { absent, recreated } from './scenarios/token.ts'
import { play, startStage } from './short.ts'

const stage = await startStage(t, 'shared')
play(t, stage, absent)
play(t, stage, recreated)
