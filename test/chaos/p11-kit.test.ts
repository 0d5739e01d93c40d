/** Under load, the server that has the token ends and comes back. */
import t from 'tap'
import { serverGone } from './scenarios/token.ts'
import { play, startStage } from './short.ts'

play(t, await startStage(t, 'p11-kit'), serverGone)
