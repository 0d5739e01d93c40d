/**
 * Has V8 collect the young generation in the thread that fills it. On few processors the threads that it would call for help
 * take a tenth of all time for requests, and help little.
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--no-parallel-scavenge')
