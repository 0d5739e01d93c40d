/** Says why AUDIT_FILE cannot be used, in words that follow its path. */
export class AuditFileError extends Error {}
