/** What one fault did; a line of the table. */
export interface Row {
  fault: string
  requests: number
  ok: number
  unavailable: number
  /** Any other answer, and a connection that was cut or silent where the fault is no excuse for it. */
  other: number
  /** Requests whose connection ended without an answer, where that is what the fault does. */
  cut: number
  /** Acknowledged and then missing or different. */
  wrong: number
  worstMs: number
  /** From the moment the database (or the service) was back to the first success; the worst of several. */
  recoverySeconds: number | null
  /** From that moment to the last request that was no success; the worst of several. */
  settledSeconds: number | null
  peakRssMb: number
  /** What is worth knowing, and is no failure. */
  notes: string[]
  /** Everything that must not be; empty when all is well. */
  failures: string[]
  /** What took too long. Only the long form fails for it: beside other tests a machine may be slow. */
  delays: string[]
}

/** Whether all that must be is so, and in time. */
export function isGood({ failures, delays }: Row): boolean {
  return failures.length === 0 && delays.length === 0
}
