"""kstate side by side with what people use today: the same estate, the same broker, the same clock."""
