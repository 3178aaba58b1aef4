import type { Command } from 'commander'

/** Adds the commands below a noun: the line in the list is the sentence of the help, too. */
export function subcommands(noun: Command): (usage: string, summary: string) => Command {
  return (usage, summary) =>
    noun
      .command(usage)
      .summary(summary)
      .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
}
