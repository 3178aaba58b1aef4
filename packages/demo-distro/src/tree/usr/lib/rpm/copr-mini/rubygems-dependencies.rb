# Prints the provides or requires of gems whose gemspecs are named on standard input, in the notation of Fedora.
require 'rubygems'

# A requirement in rpm's notation: `~> 1.2` allows 1.2 up to, but not including, 2.
def conditions(dependency)
  name = "rubygem(#{dependency.name})"
  parts = dependency.requirement.requirements.flat_map do |operator, version|
    case operator
    when '~>' then ["#{name} >= #{version}", "#{name} < #{version.bump}"]
    when '!=' then ["(#{name} < #{version} or #{name} > #{version})"]
    else version.to_s == '0' && operator == '>=' ? [name] : ["#{name} #{operator} #{version}"]
    end
  end
  return parts.first if parts.length == 1 && !parts.first.start_with?('(')
  parts.length == 1 ? parts.first : "(#{parts.join(' with ')})"
end


STDIN.each_line(chomp: true) do |path|
  gemspec = Gem::Specification.load(path) or abort "Cannot read #{path}"
  if ARGV.first == '--provides'
    puts "rubygem(#{gemspec.name}) = #{gemspec.version}"
  else
    puts 'ruby(rubygems)'
    puts gemspec.runtime_dependencies.map { |one| conditions(one) }
  end
end
