/** Bytes that are kept until their signature is verified: Document Engine's signed attributes have a few thousand. */
export const MAX_MESSAGE_LENGTH = 65_536
