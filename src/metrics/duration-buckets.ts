/**
 * Upper bounds of the histograms of durations, in seconds: from half a millisecond, for a software token, over some,
 * for an HSM in the same network, to beyond the 5 s after which Document Engine gives up.
 */
export const DURATION_BUCKETS: number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
