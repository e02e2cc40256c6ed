"""The five services, each started, scaled and upgraded on its own."""
