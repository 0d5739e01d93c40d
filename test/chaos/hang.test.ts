/** Under load, a call that never returns: the request that it was for is signed all the same. */
import t from 'tap'
import { oneHangs } from './scenarios/processes.ts'
import { play, startStage } from './short.ts'

// The default: how long a call may take before it counts as one that hangs can follow from the deadline
play(t, await startStage(t, 'shared', { HSM_TIMEOUT_MS: '4000' }), oneHangs)
