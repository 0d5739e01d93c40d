/** Most bytes of a message that are kept to verify its signature; Document Engine's signed attributes have a few thousand. */
export const MAX_MESSAGE_LENGTH = 65_536
