/** Settings of V8's garbage collection that are the same wherever a process of the service runs. */
import { setFlagsFromString } from 'node:v8'

// In the thread that fills it: the threads that V8 would call for help take a tenth of all time for requests, and help little
setFlagsFromString('--no-parallel-scavenge')
// When the heap is twice what the last collection left: of a heap as small as this one, V8 would begin to collect all of it ten
// times a second under load, as the bodies of a few dozen requests fill what it adds
setFlagsFromString('--heap-growing-percent=100')
