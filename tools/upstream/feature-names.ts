/** Returns the titles of the scenarios in a `.feature` file. */
export function scenarioTitles(feature: string): string[] {
  return [...feature.matchAll(/^\s*Scenario:\s*(.+?)\s*$/gm)].map(([, title]) => title ?? '')
}
