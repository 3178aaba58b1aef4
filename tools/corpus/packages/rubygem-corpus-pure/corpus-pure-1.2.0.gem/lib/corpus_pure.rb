# Answers.
module CorpusPure
  # Returns the answer.
  def self.answer
    42
  end
end
