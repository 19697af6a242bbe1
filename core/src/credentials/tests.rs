mod life;
mod reading;
mod world;
