/** What signers use of a timestamper beside its timestamps: of one that is well, and has given none yet. */
export const REST_OF_TIMESTAMPER = {
  largestToken: 0,
  probeInBackground: () => {},
  problem: undefined,
  isUntried: false,
  checkRoom() {},
}
