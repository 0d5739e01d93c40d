import type { Part } from '../bench.ts'
import { documents } from './documents.ts'
import { overload } from './overload.ts'
import { peers } from './peers.ts'
import { replicas } from './replicas.ts'
import { simulated } from './simulated.ts'
import { soak } from './soak.ts'
import { softhsm } from './softhsm.ts'
import { start } from './start.ts'

/** In the order in which they are measured. */
export const PARTS: readonly Part[] = [softhsm, peers, simulated, overload, replicas, documents, start, soak]
