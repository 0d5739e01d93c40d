/**
 * Sets how V8 collects the young generation.
 *
 * - It does so in the thread that fills it. On few processors the threads that it would call for help take a tenth of all time for
 *   requests, and help little.
 * - It creates no objects in the old generation at once. It would do that with those of a request as soon as many requests wait at
 *   the same time, and each keeps all that it refers to in memory until the next full collection: that took a tenth more time, and
 *   twice as many full collections.
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--no-parallel-scavenge')
setFlagsFromString('--no-allocation-site-pretenuring')
