/** The parts of a timestamper that signers use beside its timestamps. It is well, and has given none yet. */
export const REST_OF_TIMESTAMPER = {
  largestToken: 0,
  probeInBackground: () => {},
  problem: undefined,
  isUntried: false,
  checkRoom() {},
}
