/** What is wrong with AUDIT_FILE, in words that follow its path. */
export class AuditFileError extends Error {}
