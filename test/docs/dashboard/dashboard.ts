/** Builds the dashboard of docker/monitoring/grafana, whose content is in rows.ts. */
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DATASOURCE, type PanelPlan } from './panels.ts'
import { ROWS } from './rows.ts'

export const DASHBOARD = 'docker/monitoring/grafana/dashboards/signing-service.json'

const GRID_WIDTH = 24

/** Returns the dashboard as Grafana loads it, in JSON. */
export function describeDashboard(): string {
  const builder = new DashboardBuilder('Signing service')
    .uid('signing-service')
    .description(
      'What the signing service does, and what it lacks. docs/runbook.md says what to do about each alert.',
    )
    .tags(['signing-service'])
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-3h', to: 'now' })
    .refresh('30s')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withVariable(labelVariable('job', 'Job', 'label_values(signing_service_build_info, job)'))
    .withVariable(
      labelVariable(
        'instance',
        'Instance',
        'label_values(signing_service_build_info{job=~"$job"}, instance)',
      ),
    )
  let id = 1
  let y = 0
  for (const { title, panels } of ROWS) {
    builder.withRow(new RowBuilder(title).id(id).gridPos({ x: 0, y, w: GRID_WIDTH, h: 1 }))
    id += 1
    y += 1
    for (const { panel, x, top } of place(panels)) {
      const { width: w, height: h } = panel
      const built = { ...panel.build(), id, gridPos: { x, y: y + top, w, h } }
      builder.withPanel({ build: () => built })
      id += 1
    }
    y += heightOf(panels)
  }
  return `${JSON.stringify(builder.build(), null, 2)}\n`
}

/** A variable whose values are those of a label; all of them unless the reader chooses. */
function labelVariable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query({ query, refId: name })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: ['All'], value: ['$__all'] })
}

/** Places panels from left to right, in lines; `top` is below the title of the row. */
function place(panels: readonly PanelPlan[]) {
  const places: { panel: PanelPlan; x: number; top: number }[] = []
  let [x, top, lineHeight] = [0, 0, 0]
  for (const panel of panels) {
    if (x + panel.width > GRID_WIDTH) {
      top += lineHeight
      x = 0
      lineHeight = 0
    }
    places.push({ panel, x, top })
    x += panel.width
    lineHeight = Math.max(lineHeight, panel.height)
  }
  return places
}

function heightOf(panels: readonly PanelPlan[]): number {
  return Math.max(...place(panels).map(({ panel, top }) => top + panel.height))
}
