/** Types of the configuration of the audit log. */

export interface AuditConfiguration {
  /** Absolute path; absent if records go to stdout alone. */
  readonly file?: string
  readonly stdout: boolean
  /** `always` writes each record to the disk alone, `batch` together with those that came meanwhile. */
  readonly sync: 'always' | 'batch'
  /** Size of a file, in bytes, from which on the next records go to another one. */
  readonly rotateBytes: number
  /** Name of the chain; absent if the file says it, or else the name of the host. */
  readonly stream?: string
  /** Name of the signer that signs checkpoints; absent if none does. */
  readonly signer?: string
  /** Number of records after which a checkpoint is due. */
  readonly checkpointRecords: number
  /** Time after which one is due, in ms. */
  readonly checkpointMs: number
}
