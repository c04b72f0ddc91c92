# The two that matter: `make run` and `make test`. What they do is in scripts/.

.PHONY: help run test bench load simulate fmt clean-data

help: ## Say what there is (this text)
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

# Should make itself be killed, the kernel tells the script to stop.
run: ## Install what is missing, build, and serve http://localhost:3000 (PORT=… for another port)
	@setpriv --pdeathsig TERM scripts/run

test: ## Install what is missing, and run every check and test
	@setpriv --pdeathsig TERM scripts/test

bench: ## Run the benchmarks (ARGS="filter")
	@scripts/bench $(ARGS)

load: ## Run the load tests over a durable Postgres (ARGS="…")
	@setpriv --pdeathsig TERM scripts/load $(ARGS)

simulate: ## Live through simulated histories, all by seeds (ARGS="--seed 7 --histories 5000", "--mutate")
	@setpriv --pdeathsig TERM scripts/simulate $(ARGS)

fmt: ## Format Rust and web sources
	@scripts/fmt

clean-data: ## Delete the private databases of this checkout
	@scripts/clean-data
