import type { Command } from 'commander'

/** Returns a function that adds subcommands to `noun`; a command's summary also becomes its description. */
export function subcommands(noun: Command): (usage: string, summary: string) => Command {
  return (usage, summary) =>
    noun
      .command(usage)
      .summary(summary)
      .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
}
