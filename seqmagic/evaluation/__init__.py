"""What a text costs a model, in nats, and what plain counting would pay; NumPy. For the rooms from sampling on."""
