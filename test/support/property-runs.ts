/**
 * The number of cases that long property tests try: FC_RUNS, or few. Many of them find what few do not, and take minutes.
 */
export const PROPERTY_RUNS = Number(process.env.FC_RUNS ?? 100)
