complete -W "--help --version" shell-completion
