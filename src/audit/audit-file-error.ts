/** Says why AUDIT_FILE cannot be used, in words that follow its path. */
export class AuditFileError extends Error {}

/** Says that another process writes the file: it may be ending, or wait for a disk that does not answer. */
export class AuditFileLocked extends AuditFileError {}
