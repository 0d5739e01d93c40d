/** Most bytes of a message that are kept to verify its signature. Document Engine's signed attributes have fewer. */
export const MAX_MESSAGE_LENGTH = 65_536
