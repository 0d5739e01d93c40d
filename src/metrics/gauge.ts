import { Gauge, type GaugeConfiguration, type Registry } from 'prom-client'

/** Registers a gauge whose values are collected at each scrape, so that removed signers and tokens have none. */
export function registerGauge<T extends string>(
  registry: Registry,
  { collect, ...configuration }: GaugeConfiguration<T> & { collect(this: Gauge<T>): void },
): void {
  new Gauge({
    ...configuration,
    registers: [registry],
    collect() {
      this.reset()
      collect.call(this)
    },
  })
}
